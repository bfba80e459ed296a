// A stand-in for the schema of hashicorp/aws, as far as deploy/iam/terraform uses it, so that the module can be checked and planned where
// the provider, some hundred megabytes, can't be had. It knows attributes and types as that provider documents them, and does nothing.
package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	resources "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// From its documentation of the version that versions.tf asks for.
var known = map[string]map[string]resources.Attribute{
	"aws_iam_role": {
		"arn":                  resources.StringAttribute{Computed: true},
		"assume_role_policy":   resources.StringAttribute{Required: true},
		"description":          resources.StringAttribute{Optional: true},
		"id":                   resources.StringAttribute{Computed: true},
		"max_session_duration": resources.Int64Attribute{Optional: true},
		"name":                 resources.StringAttribute{Optional: true, Computed: true},
		"path":                 resources.StringAttribute{Optional: true},
		"permissions_boundary": resources.StringAttribute{Optional: true},
		"tags":                 resources.MapAttribute{Optional: true, ElementType: types.StringType},
	},
	"aws_iam_role_policy": {
		"id":     resources.StringAttribute{Computed: true},
		"name":   resources.StringAttribute{Optional: true, Computed: true},
		"policy": resources.StringAttribute{Required: true},
		"role":   resources.StringAttribute{Required: true},
	},
	"aws_eks_pod_identity_association": {
		"association_arn": resources.StringAttribute{Computed: true},
		"association_id":  resources.StringAttribute{Computed: true},
		"cluster_name":    resources.StringAttribute{Required: true},
		"external_id":     resources.StringAttribute{Computed: true},
		"namespace":       resources.StringAttribute{Required: true},
		"role_arn":        resources.StringAttribute{Required: true},
		"service_account": resources.StringAttribute{Required: true},
		"tags":            resources.MapAttribute{Optional: true, ElementType: types.StringType},
		"target_role_arn": resources.StringAttribute{Optional: true},
	},
}

type aws struct{}

func (aws) Metadata(_ context.Context, _ provider.MetadataRequest, response *provider.MetadataResponse) {
	response.TypeName = "aws"
}

func (aws) Schema(_ context.Context, _ provider.SchemaRequest, response *provider.SchemaResponse) {
	response.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{"region": schema.StringAttribute{Optional: true}},
		Blocks: map[string]schema.Block{
			"assume_role": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{
				Attributes: map[string]schema.Attribute{"role_arn": schema.StringAttribute{Optional: true}},
			}},
		},
	}
}

func (aws) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (aws) DataSources(context.Context) []func() datasource.DataSource { return nil }

func (aws) Resources(context.Context) []func() resource.Resource {
	var all []func() resource.Resource
	for name := range known {
		all = append(all, func() resource.Resource { return described(name) })
	}
	return all
}

type described string

func (name described) Metadata(_ context.Context, _ resource.MetadataRequest, response *resource.MetadataResponse) {
	response.TypeName = string(name)
}

func (name described) Schema(_ context.Context, _ resource.SchemaRequest, response *resource.SchemaResponse) {
	response.Schema = resources.Schema{Attributes: known[string(name)]}
}

// The tests mock the provider: nothing is ever made.
func (described) Create(context.Context, resource.CreateRequest, *resource.CreateResponse) {
	panic("not made for this")
}
func (described) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {
	panic("not made for this")
}
func (described) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {
	panic("not made for this")
}
func (described) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {
	panic("not made for this")
}

func main() {
	address := providerserver.ServeOpts{Address: "registry.opentofu.org/hashicorp/aws"}
	if err := providerserver.Serve(context.Background(), func() provider.Provider { return aws{} }, address); err != nil {
		log.Fatal(err)
	}
}
